import { tick } from "svelte";

/** Moves the focus to an element, if the element with the focus was just removed. */
export function takeFocus(element: HTMLElement): void {
  if (document.activeElement === document.body) element.focus({ preventScroll: true });
}

/** Adds a row to the list before the pressed button, and focuses the row's first field. */
export function adding({ currentTarget }: MouseEvent, add: () => void): void {
  add();
  void tick().then(() => {
    const list = (currentTarget as HTMLElement | null)?.closest("fieldset");
    const rows = list?.querySelectorAll<HTMLElement>("li");
    const last = rows?.[rows.length - 1];
    last?.querySelector<HTMLElement>("input, textarea")?.focus();
  });
}

/** Keeps the focus in a list when the row with the focus is removed: the row that takes its place gets the focus. */
export function afterRemoval(list: HTMLElement): () => void {
  let last = 0;
  const note = ({ target }: Event) => {
    const row = target instanceof Element ? target.closest("li") : null;
    if (row) last = [...list.children].indexOf(row);
  };
  const observer = new MutationObserver((records) => {
    if (document.activeElement !== document.body || !records.some(({ removedNodes }) => removedNodes.length > 0))
      return;
    const row = list.children[Math.min(last, list.children.length - 1)];
    row?.querySelector<HTMLElement>("input, textarea")?.focus({ preventScroll: true });
  });
  list.addEventListener("focusin", note);
  observer.observe(list, { childList: true });
  return () => {
    list.removeEventListener("focusin", note);
    observer.disconnect();
  };
}
