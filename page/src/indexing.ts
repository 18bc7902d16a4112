// Places in tensors: from an index to its place in row-major order and back.

/** How many numbers a tensor of this shape holds. */
export function count(shape: readonly number[]): number {
  return shape.reduce((product, length) => product * length, 1);
}

/** The place of an index in row-major order. */
export function placeOf(index: readonly number[], shape: readonly number[]): number {
  let place = 0;
  for (let axis = 0; axis < shape.length; axis++) place = place * shape[axis] + index[axis];
  return place;
}

/** The index at a place in row-major order. */
export function indexAt(place: number, shape: readonly number[]): number[] {
  const index = new Array<number>(shape.length);
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    index[axis] = place % shape[axis];
    place = Math.floor(place / shape[axis]);
  }
  return index;
}
