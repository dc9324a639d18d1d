/** How a rate is written, such as what a point is worth: with all that it has and no more, "€10", "€0.005". */
export const RATE = { trailingZeroDisplay: "stripIfInteger", maximumFractionDigits: 4 };
