/** Gantry's own version, and that of the Docker Engine whose API it speaks. */
export const VERSION = '0.1.0';
