// An extension's service worker cannot start workers, so the judge runs in the panel. This script only sends texts there.

chrome.runtime.onInstalled.addListener(() => {
  chrome.contextMenus.create({ id: "judge", title: "Judge the selection", contexts: ["selection"] });
});

chrome.contextMenus.onClicked.addListener(({ selectionText }, { windowId }) => {
  // Do not await anything first: a panel can only be opened while the click is handled.
  chrome.sidePanel.open({ windowId });
  // Kept in memory until the browser ends.
  chrome.storage.session.set({ selection: selectionText });
});

chrome.sidePanel.setPanelBehavior({ openPanelOnActionClick: true });
