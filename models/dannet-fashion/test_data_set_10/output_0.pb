
BlogitsJ(§Iî¿oTÀÛ£d@2î'À?A›&¯ÀU³w@MR¤À—cÀ–ò¿