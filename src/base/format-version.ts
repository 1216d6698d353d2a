// The version of the whole on-disk format: in every file header, segment, certificate and checkpoint record.

/** Raised when bytes change their meaning; design/format.md, "Version history". */
export const FORMAT_VERSION = 1;
