
BlogitsJ(Ç ¤Àe”AT:oÀ‰=ÀÑc¦À®H¸ÀŸbÀ½0oÁŸ1À—ÿªÁ