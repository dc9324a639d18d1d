/** What a reward looks like: the merchant's picture, or a drawing of its kind. */
import { html } from "../html.js";
import { drawing } from "./parts.js";

const LINES = {
  fixed_amount_discount: "M4 12.5V4h8.5L21 12.5 12.5 21zM8.5 8.5v.1",
  percentage_discount: "M6 18L18 6M7.5 10a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5zM16.5 19a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5z",
  value_code: "M3 6h18v12H3zM3 10h18M6.5 14.5h4",
  free_shipping: "M2 6h12v10H2zM14 9.5h4l4 3.5v3h-8M6.5 19a2 2 0 1 0 0-4 2 2 0 0 0 0 4zM17.5 19a2 2 0 1 0 0-4 2 2 0 0 0 0 4z",
  gift: "M4 11h16v9H4zM3 7h18v4H3zM12 7v13M12 7C6 8 7 2 9.5 3.5 11 4.5 12 7 12 7s1-2.5 2.5-3.5C17 2 18 8 12 7",
  event_invitation: "M4 6h16v14H4zM4 10.5h16M8 3.5v4M16 3.5v4M12 13l.8 1.7 1.7.2-1.2 1.2.3 1.7-1.6-.9-1.6.9.3-1.7-1.2-1.2 1.7-.2z",
  cashback: "M9 15a6 6 0 1 0 0-12 6 6 0 0 0 0 12zM14.5 9.2A6 6 0 1 1 9.2 14.5M9 6.5v5M7 9h4",
  custom: "M12 3.5l2.6 5.4 5.9.8-4.3 4.1 1 5.9L12 16.9l-5.2 2.8 1-5.9L3.5 9.7l5.9-.8z",
  copy: "M9 9h11v11H9zM5 15H4V4h11v1",
};

export const pictured = (name) => drawing(LINES[name] ?? LINES.custom);

export function picture({ type, sub_type: subType, image_url: own, brand }) {
  const url = own ?? brand?.image_url;
  return html`<span class="emblem">${url ? html`<img src="${url}" alt="" loading="lazy">` : pictured(subType ?? type)}</span>`;
}
