/** Has the page's files kept, once it has nothing better to do: nobody waits for it. */
export function startServiceWorker(): void {
  // There is none without a secure context, and the development server's files are never the same twice.
  if (!("serviceWorker" in navigator) || !import.meta.env.PROD) return;
  const register = () => {
    navigator.serviceWorker.register(new URL("offline.js", document.baseURI)).catch((error: unknown) => {
      // The page works without it; only the next visit needs the network again.
      console.warn("The page could not be kept for offline use.", error);
    });
  };
  if (document.readyState === "complete") register();
  else addEventListener("load", register, { once: true });
}
