
BlogitsJ(ƒQ¨?9¥?N?ªøñuAŒΩ≥==‚7¿°Ù€>Ωp"¿KÜß=Mce¿