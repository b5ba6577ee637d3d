/** Layer: store. What other rooms use: the cache directory, images in it, archives of images, and what a caller calls an image. */
export { cached, cacheRoot } from "./cache.ts";
export { sha256 } from "./digest.ts";
export { StoreError } from "./errors.ts";
export { loadImage, packImage, unpackArchive } from "./image-archive.ts";
export { imageDirectories } from "./image-directories.ts";
export { absoluteImage, imageNames, isImageName } from "./image-names.ts";
export { builtImage, keepBuilt, keyOf, LOADED, stacked } from "./images.ts";
export { layered } from "./layers.ts";
