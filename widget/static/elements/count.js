/** Counts the numbers in `elements` from one value to the next, unless less motion is asked for. */
export function count(elements, from, to, write) {
  if (matchMedia("(prefers-reduced-motion: reduce)").matches) return;
  const began = performance.now();
  const step = (now) => {
    const left = Math.max(0, 1 - (now - began) / 700);
    for (const element of elements) element.textContent = write(Math.round(to - (to - from) * left ** 3));
    if (left) requestAnimationFrame(step);
  };
  requestAnimationFrame(step);
}
