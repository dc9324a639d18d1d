/** Who is signed in, asked at the store's own address: loaded where a page names one. */

const PATIENCE = 15000; // ms

/** The token that the store's server makes; null if nobody is signed in. Only the page's own origin is asked, with its cookies. */
export async function ask(address) {
  const signal = AbortSignal.timeout(PATIENCE);
  const answer = await fetch(address, { mode: "same-origin", cache: "no-store", signal });
  if (!answer.ok) throw new Error(answer.status);
  return (await answer.json()).identity;
}
