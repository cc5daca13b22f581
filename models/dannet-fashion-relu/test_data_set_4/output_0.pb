
BlogitsJ(¨Ë^@j„ºÀ’4õ?J)Ÿ¿*âŸ>Ùs-Áèd¼@a‘KÁKTÁ&NÁ