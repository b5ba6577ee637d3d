/**
 * Layer: abi. The type of names, paths, arguments and environment strings: bytes end to end. No logic.
 *
 * A ByteString is a JavaScript string in which every character code is one byte, 0 to 255. It is compared, hashed and
 * kept in Maps as it stands, and it never was UTF-16 text: decode it only at the caller's border.
 */
declare const byteString: unique symbol;
export type ByteString = string & { readonly [byteString]: true };
