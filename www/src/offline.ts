/** Caches the page's files for offline use, when the page is idle. */
export function startServiceWorker(): void {
  // Service workers need a secure context. Files of the development server change too often to be cached.
  if (!("serviceWorker" in navigator) || !import.meta.env.PROD) return;
  const register = () => {
    navigator.serviceWorker.register(new URL("offline.js", document.baseURI)).catch((error: unknown) => {
      // The page works without it, but the next visit needs the network.
      console.warn("The page could not be kept for offline use.", error);
    });
  };
  if (document.readyState === "complete") register();
  else addEventListener("load", register, { once: true });
}
