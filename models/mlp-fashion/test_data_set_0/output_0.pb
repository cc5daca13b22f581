
BlogitsJ(×ªvÀ‡ê¬À`N´ÀyëÀ'&ÁË*Ä½?DyÀiü…@JªËÀb3A