/** The release these handlers belong to; equal to the one in package.json, which a test sees to. */
export const VERSION = '0.1.0'
