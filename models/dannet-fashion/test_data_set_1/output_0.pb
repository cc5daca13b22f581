
BlogitsJ(V‰+@ïXòÀÅY0ABCÀjÆb@úËíÀ¡ê!@jÅ—ÀètÜ¿Á…À