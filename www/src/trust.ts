import type { TrustedTypePolicyFactory } from "trusted-types/lib";

/**
 * The page's policy asks that every address of a script be vouched for: only the package's worker and the service worker
 * ever need it, and both lie beside the page.
 */
export function trustOwnScripts(): void {
  // Not every browser knows trusted types; those that do not ignore that part of the policy.
  const { trustedTypes } = globalThis as { trustedTypes?: TrustedTypePolicyFactory };
  trustedTypes?.createPolicy("default", {
    createScriptURL(address) {
      if (new URL(address, document.baseURI).origin === location.origin) return address;
      throw new TypeError(`${address} is not a script of this page`);
    },
  });
}
