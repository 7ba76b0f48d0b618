// An extension's service worker has no workers of its own, so the judge lives in the panel. This one only brings texts there.

chrome.runtime.onInstalled.addListener(() => {
  chrome.contextMenus.create({ id: "judge", title: "Judge the selection", contexts: ["selection"] });
});

chrome.contextMenus.onClicked.addListener(({ selectionText }, { windowId }) => {
  // At once: a panel opens only while the click is being handled.
  chrome.sidePanel.open({ windowId });
  // In memory, and only until the browser ends.
  chrome.storage.session.set({ selection: selectionText });
});

chrome.sidePanel.setPanelBehavior({ openPanelOnActionClick: true });
