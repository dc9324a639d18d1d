/** The merchant's accent, made readable: WCAG 2.2 asks text for 4.5:1. Pure; colours are "#rrggbb". */

const WHITE = "#ffffff";
const BLACK = "#000000";

const channels = (color) => [1, 3, 5].map((at) => parseInt(color.slice(at, at + 2), 16));

const hex = (parts) => "#" + parts.map((c) => Math.round(c).toString(16).padStart(2, "0")).join("");

function luminance(color) {
  const [red, green, blue] = channels(color).map((c) => (c <= 10 ? c / 3294.6 : ((c / 255 + 0.055) / 1.055) ** 2.4));
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

/** 1 (none) to 21 (black on white). */
export function contrast(a, b) {
  const [dark, light] = [luminance(a), luminance(b)].sort((x, y) => x - y);
  return (light + 0.05) / (dark + 0.05);
}

/** `share` of `b` in `a`, from 0 to 1. */
export function mix(a, b, share) {
  const other = channels(b);
  return hex(channels(a).map((c, i) => c + (other[i] - c) * share));
}

/** What to write with on `accent`: white where that can be read, else black, which then can. */
export const ink = (accent) => (contrast(accent, WHITE) >= 4.5 ? WHITE : BLACK);

/** `accent` itself where it can be read on `ground`, else made darker, or purer and then paler, just as far as it must be. */
export function readable(accent, ground) {
  const parts = channels(accent);
  const most = Math.max(...parts, 1);
  const pure = most > 1 ? hex(parts.map((c) => (c * 255) / most)) : WHITE;
  for (let share = 0; share <= 1; share += 0.02) {
    const color = luminance(ground) > 0.18 ? mix(accent, BLACK, share) : mix(mix(accent, pure, Math.min(1, share * 2)), WHITE, Math.max(0, share * 2 - 1));
    if (contrast(color, ground) >= 4.5) return color;
  }
  return ink(ground);
}

/** The panel's colours as a style sheet. Text of the accent stands on panel.css's --surface, --card and --tint, light or dark. */
export function palette(accent) {
  const on = ink(accent);
  const scheme = (name, card, ground) => {
    const tint = mix(card, readable(accent, ground), 0.11);
    const text = readable(accent, tint);
    return `--text-${name}: ${text}; --tint-${name}: ${tint}; --soft-${name}: ${mix(card, text, 0.4)};`;
  };
  return `dialog { --accent: ${accent}; --ink: ${on}; --edge: ${mix(accent, on, 0.16)}; --deep: ${mix(accent, on === WHITE ? BLACK : WHITE, 0.2)};
    ${scheme("light", WHITE, "#f4f4f6")} ${scheme("dark", "#212127", "#212127")} }`;
}
