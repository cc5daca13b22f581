
BlogitsJ(kJ˜ÀB—&ÁÍÀØf¯ÀËî'Á76Aq°Àtr"À*ÑÀAïìÀ