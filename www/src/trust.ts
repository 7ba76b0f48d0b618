import type { TrustedTypePolicyFactory } from "trusted-types/lib";

/**
 * A Trusted Types policy. It allows the only two script addresses that the page needs, the package's worker and the service
 * worker. Both are on the page's origin.
 */
export function trustOwnScripts(): void {
  // Browsers without Trusted Types ignore that part of the Content-Security-Policy.
  const { trustedTypes } = globalThis as { trustedTypes?: TrustedTypePolicyFactory };
  trustedTypes?.createPolicy("default", {
    createScriptURL(address) {
      if (new URL(address, document.baseURI).origin === location.origin) return address;
      throw new TypeError(`${address} is not a script of this page`);
    },
  });
}
