/*
 * What the gamma functions of a 128-bit long double share.
 */
#include <math.h>
#include "__quad.h"

/* B(2k)/(2k(2k-1)) from k=1 on (DLMF 5.11.1). */
static const long double stirling[17] = {
	0x1.5555555555555555555555555555p-4L, -0x1.6c16c16c16c16c16c16c16c16c17p-9L,
	0x1.a01a01a01a01a01a01a01a01a01ap-11L, -0x1.3813813813813813813813813814p-11L,
	0x1.b951e2b18ff23570ea73806e5479p-11L, -0x1.f6ab0d9993c7c81f6ab0d9993c7dp-10L,
	0x1.a41a41a41a41a41a41a41a41a41ap-8L, -0x1.e4286cb0f5397dc2064a8ed3175cp-6L,
	0x1.6fe96381e067ffa1876fe96381ep-3L, -0x1.6476701181f39edbdb9ce625987dp0L,
	0x1.ace44322ce005a74f53910c8b38p3L, -0x1.39b2525cccc1aab67ee25d73c0f9p7L,
	0x1.12234e81b4e81b4e81b4e81b4e82p11L, -0x1.1a198ae1c4ab7eb3feddd849692p15L,
	0x1.51a2089a6e11a38433dc9fb888d4p19L, -0x1.d1089b142d3577880c2d3577880cp23L,
	0x1.6d29a0f6433b79890cede62433b8p28L,
};

long double __gamma_rest(long double x)
{
	long double inverse = 1 / x, square = inverse * inverse, sum = 0;
	for (int k=16; k>=0; k--) sum = stirling[k] + square * sum;
	return inverse * sum;
}

/* (zeta(k)-1)/k with the sign of (-1)**k from k=2 on: DLMF 5.7.3, one further on. */
static const long double taylor[58] = {
	0x1.4a34cc4a60fa6461cf62448802ebp-2L, -0x1.13e001a5576068125d0741df7858p-4L,
	0x1.51322ac7d84836bf2242232dca47p-6L, -0x1.e404fc218f5f186d6760c385330ep-8L,
	0x1.7add6eadb6c2fd490fae70050172p-9L, -0x1.38ac5c2bf8e07ceb67c604c626f6p-10L,
	0x1.0b36af86396e8be59ca4ddb5a64dp-11L, -0x1.d3fd4c76d2fc7c70754606688fa5p-13L,
	0x1.a127b0f17d65a33a61354e004cf2p-14L, -0x1.78de5bd7c81eef2efd5f190dc2cdp-15L,
	0x1.580dcee66eb0224c0ae964b1ee44p-16L, -0x1.3cbc963ce2242856a464e0ab35d5p-17L,
	0x1.2597a39f34aab901bbae75609fd8p-18L, -0x1.11b2eb76795411c76b0e65ac639bp-19L,
	0x1.0064cdeb22f0f3a02ad5ffb78217p-20L, -0x1.e2600d93cfd2ebb3d4f1868fbe6bp-22L,
	0x1.c76bbb3f07a4d7668adddda6d48fp-23L, -0x1.af5a6cbbf8a97657c89fa5b60f88p-24L,
	0x1.99b93c2070b0f40c9c591cd909eap-25L, -0x1.862c734df3eac6cca00afb036818p-26L,
	0x1.7469daccfadccb258b1dcc5155dfp-27L, -0x1.6434a8447aead035ee5dbf0edf9ap-28L,
	0x1.555a877ffd2c29e2be683656f13bp-29L, -0x1.47b1679258d0e413cdb83a1538f4p-30L,
	0x1.3b15d2b2fc10bc50c1202229ae9ap-31L, -0x1.2f69a9fabe3df97a755322ce1db6p-32L,
	0x1.24932a337434c41820a7091423a3p-33L, -0x1.1a7c26ec2523c53d3af6d2812d29p-34L,
	0x1.11116e693ed978e3f2cad8600e57p-35L, -0x1.08424cbc543d8281df041b793d4bp-36L,
	0x1.000026e3f644f4d51a9815322258p-37L, -0x1.f07c514fc9f0a0badb5f2a2d6045p-39L,
	0x1.e1e2026aafcd7a755e9e6b1e780ap-40L, -0x1.d41d56e5ee2e1d78ed65b062543ep-41L,
	0x1.c71c7f6f10e36bfbe2e26cb30374p-42L, -0x1.bacf9a27bc89ad6b4bbd43f5ee38p-43L,
	0x1.af28718a10d6e281afe37085970ep-44L, -0x1.a41a45603e5b5a75058c37b49bfp-45L,
	0x1.99999c0716ee8b187bc1bef29131p-46L, -0x1.8f9c1a8df9d77e625a92bb8e6dfap-47L,
	0x1.8618628d28904cc5056234aef19ep-48L, -0x1.7d05f4c31c5605c6ee82df30ce0bp-49L,
	0x1.745d17b56ba4a674e2f0035c28c7p-50L, -0x1.6c16c1b4d64566bb45cb97243d92p-51L,
	0x1.642c85c023d9c887eb79bca14271p-52L, -0x1.5c9882d825e9c9a37039036fd052p-53L,
	0x1.555555698a86639eb90c92ea148ap-54L, -0x1.4e5e0a8022bc8dae8c46ee149fdp-55L,
	0x1.47ae14838081e882e7b3e6f672f6p-56L, -0x1.41414146e3e313c8ee7d4261693fp-57L,
	0x1.3b13b13ec2f3a0a0e2d83d68a5c6p-58L, -0x1.3521cfb5208594896c42a8f2ec41p-59L,
	0x1.2f684bdba6a9922daac30b4be8c9p-60L, -0x1.29e4129f49673b3843da7a1e5bbp-61L,
	0x1.249249253f4cbbba2c3db2cd6133p-62L, -0x1.1f7047dc8348b6a6d988e3dba6d1p-63L,
	0x1.1a7b9611f1f7bb412d63f4093ef5p-64L, -0x1.15b1e5f78318f42ab70bfab5afbbp-65L,
};

long double __log_gamma_near(long double t)
{
	long double sum = 0;
	for (int k=57; k>=0; k--) sum = taylor[k] + t * sum;
	return t * (0x1.b0ee6072093ce16cb90701fbfab5p-2L + t * sum);
}

long double __sin_pi(long double x)
{
	long double rest = x - 2 * roundl(x / 2);
	if (rest > 0.5L) rest = 1 - rest;
	if (rest < -0.5L) rest = -1 - rest;
	return sinl(PI * rest);
}
