
BlogitsJ(^¾È?,ñ’A}ÌÁÀD¿zaÀ,ôpÁé.TÀíó—ÁBOöÀeXÁ