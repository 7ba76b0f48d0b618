import { tick } from "svelte";

/** Takes over the keyboard's place when the element that held it has just gone. */
export function takeFocus(element: HTMLElement): void {
  if (document.activeElement === document.body) element.focus({ preventScroll: true });
}

/** Adds a row to the list before the button that was pressed, and goes to the row's first field. */
export function adding({ currentTarget }: MouseEvent, add: () => void): void {
  add();
  void tick().then(() => {
    const list = (currentTarget as HTMLElement | null)?.closest("fieldset");
    const rows = list?.querySelectorAll<HTMLElement>("li");
    const last = rows?.[rows.length - 1];
    last?.querySelector<HTMLElement>("input, textarea")?.focus();
  });
}

/** Keeps the keyboard's place in a list when the row that held it is removed: the row that took its place has it next. */
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
