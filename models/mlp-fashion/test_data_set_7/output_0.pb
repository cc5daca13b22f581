
BlogitsJ(%^юmзKаRч©э║nюрсQ@(Eа_∙Aюй┘аQ╩9а·iа