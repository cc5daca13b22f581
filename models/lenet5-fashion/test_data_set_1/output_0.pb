
BlogitsJ(√н©<Sа╤vA√
аC9÷@┴ЁnаLCr>Щ▐╥аfКакH$а