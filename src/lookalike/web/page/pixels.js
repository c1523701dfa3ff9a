// Pictures as numbers: read from a data URL, converted to one, and with added noise.

export async function readPixels(url) {
  const image = new Image();
  image.src = url;
  await image.decode();
  const canvas = new OffscreenCanvas(image.naturalWidth, image.naturalHeight);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(image, 0, 0);
  return context.getImageData(0, 0, canvas.width, canvas.height); // red, green, blue, opacity
}

const LONGEST = 2048; // largest side in pixels, and size in bytes, of an unchanged file
const HEAVIEST = 2 ** 22;

// Returns a picture to send: the file itself, or a smaller, upright version of a large one. An
// animation becomes its first frame.
export async function shrunk(file) {
  let bitmap;
  try {
    bitmap = await createImageBitmap(file, { imageOrientation: "from-image" });
  } catch {
    return file; // the server may read it, or reports the error
  }
  const scale = Math.min(1, LONGEST / Math.max(bitmap.width, bitmap.height));
  if (scale === 1 && file.size <= HEAVIEST) return file;
  const [width, height] = [bitmap.width, bitmap.height].map((n) => Math.max(1, Math.round(n * scale)));
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, 0, 0, width, height);
  bitmap.close();
  // JPEG has no transparency. A browser that cannot write WebP writes PNG.
  const type = file.type === "image/jpeg" ? "image/jpeg" : "image/webp";
  return canvas.convertToBlob({ type, quality: 0.92 });
}

// The brightness of each pixel, row by row.
export function brightness({ data, width, height }) {
  return Float32Array.from({ length: width * height }, (_, at) => {
    const [red, green, blue] = data.subarray(4 * at, 4 * at + 3);
    return 0.299 * red + 0.587 * green + 0.114 * blue;
  });
}

// Normal deviates, always the same, so that a picture's noise grows with the slider and does not
// flicker (Box and Muller 1958, with the uniform generator mulberry32).
export function normals(count, seed = 20) {
  let state = seed;
  const uniform = () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  return Float32Array.from(
    { length: count },
    () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform()),
  );
}

// Add noise to a picture of one or three channels, independently in each channel.
export function addNoise(pixels, deviates, sigma, channels) {
  const noisy = new ImageData(new Uint8ClampedArray(pixels.data), pixels.width, pixels.height);
  const { data } = noisy;
  for (let at = 0; at < data.length; at += 4) {
    for (let channel = 0; channel < 3; channel++) {
      const own = channels === 3 ? channel : 0;
      data[at + channel] += Math.round(sigma * deviates[(at / 4) * channels + own]);
    }
  }
  return noisy;
}

// Nested lists in the form that the server reads: (height, width) or (height, width, 3).
export function nested({ data, width, height }, channels) {
  const pixel = (at) => (channels === 3 ? [...data.subarray(at, at + 3)] : data[at]);
  return Array.from({ length: height }, (_, row) =>
    Array.from({ length: width }, (_, column) => pixel(4 * (row * width + column))),
  );
}

export function toUrl(pixels) {
  const canvas = document.createElement("canvas");
  canvas.width = pixels.width;
  canvas.height = pixels.height;
  canvas.getContext("2d").putImageData(pixels, 0, 0);
  return canvas.toDataURL("image/png");
}
