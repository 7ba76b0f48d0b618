/** Takes over the keyboard's place when the element that held it has just gone. */
export function takeFocus(element: HTMLElement): void {
  if (document.activeElement === document.body) element.focus({ preventScroll: true });
}
