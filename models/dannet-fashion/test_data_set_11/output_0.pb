
BlogitsJ(µ»f¿‎Kְ›¿2qQְg_ü¿d׳AִG%¿9‏א?ּכ@½L¸>