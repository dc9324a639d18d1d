// App Bridge says who looks, and with that the app is opened.

const { back } = document.currentScript.dataset;

(async () => {
  const url = new URL(back, location.origin);
  try {
    url.searchParams.set("id_token", await shopify.idToken());
  } catch {
    document.getElementById("said").textContent = "Shopify did not say who you are. Open the app anew.";
    return;
  }
  location.replace(url);
})();
