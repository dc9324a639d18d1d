// What the scripts of a page share. Inside Shopify's admin (embedded.js) there are no cookies, and the next page comes into
// the same document: who asks is said with each request, and what a script does for a page is done again for the next.

export const isEmbedded = Boolean(document.querySelector('meta[name="shopify-api-key"]'));

// fetch, as whoever looks at this page.
export const ask = async (url, options = {}) => {
  if (!isEmbedded) return fetch(url, options);
  const once = async () => {
    const headers = new Headers(options.headers);
    headers.set("Authorization", `Bearer ${await shopify.idToken()}`);
    return fetch(url, { ...options, headers, credentials: "omit" });
  };
  const answer = await once();
  return answer.headers.has("X-Shopify-Retry-Invalid-Session-Request") ? once() : answer;
};

// Now, and for each page that comes into this document.
export const onPage = (equip) => {
  equip();
  addEventListener("lagniappe:page", equip);
};

// On to another page.
export const go = (url) => {
  if (dispatchEvent(new CustomEvent("lagniappe:go", { detail: url, cancelable: true }))) location.assign(url);
};

const whole = () => location.pathname + location.search;
let shown = whole();

// Another address in the browser's bar, for what is shown now.
export const push = (url) => {
  history.replaceState({ scroll: scrollY }, "");
  history.pushState({}, "", url);
  shown = whole();
};

// Whether the address has become another than that of what is shown. A place within the page (#…) is the same.
export const hasMoved = () => {
  const before = shown;
  shown = whole();
  return shown !== before;
};
