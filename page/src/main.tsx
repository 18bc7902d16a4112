import "./style.css";
import { effect } from "@preact/signals";
import { render } from "preact";
import { connect } from "./connection.ts";
import { offerHandles } from "./handles.ts";
import { isHelpOpen } from "./help.tsx";
import { isTyping } from "./keys.ts";
import { begin, followAddress } from "./navigation.ts";
import { closeUnit } from "./pointing.ts";
import { Shell } from "./shell.tsx";
import { clear, nextSample, showPhoto, undo } from "./showing.ts";
import * as state from "./state.ts";
import { keepSnapshots } from "./training/history.ts";
import { NetworkView } from "./views/network.tsx";
import { TrainingView } from "./views/training.tsx";
import { UnitView } from "./views/unit.tsx";

function Page() {
  const views = { network: NetworkView, unit: UnitView, training: TrainingView };
  const View = views[state.view.value];
  return (
    <Shell>
      <View />
    </Shell>
  );
}

/** Light or dark: as the reader chose, else as the system asks. */
function followTheme(): void {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const follow = () => {
    state.systemTheme.value = dark.matches ? "dark" : "light";
  };
  dark.addEventListener("change", follow);
  follow();
  effect(() => {
    document.documentElement.style.colorScheme = state.theme.value;
  });
}

/** Keys that work wherever the focus is. */
function followKeys(): void {
  window.addEventListener("keydown", (event) => {
    if (isTyping(event.target) || event.defaultPrevented) return;
    const { key, ctrlKey, metaKey, altKey } = event;
    const isUndo = (ctrlKey || metaKey) && key.toLowerCase() === "z";
    if (altKey || ((ctrlKey || metaKey) && !isUndo)) return;
    const isNetwork = state.view.peek() === "network";
    if (key === "?") isHelpOpen.value = true;
    else if (key === "Escape" && state.view.peek() === "unit") closeUnit();
    else if (isNetwork && isUndo) undo();
    else if (isNetwork && key.toLowerCase() === "n") nextSample();
    else if (isNetwork && key.toLowerCase() === "c") clear();
    else return;
    event.preventDefault();
  });
}

/** Image files that are dropped or pasted anywhere. */
function followFiles(): void {
  const take = (files: FileList | undefined): boolean => {
    const image = [...(files ?? [])].find(({ type }) => type.startsWith("image/"));
    if (!image || !state.summary.peek()?.accepts_images) return false;
    state.view.value = "network";
    void showPhoto(image);
    return true;
  };
  window.addEventListener("dragover", (event) => event.preventDefault());
  window.addEventListener("drop", (event) => {
    event.preventDefault();
    take(event.dataTransfer?.files);
  });
  window.addEventListener("paste", (event) => {
    if (take(event.clipboardData?.files)) event.preventDefault();
  });
}

followTheme();
followKeys();
followFiles();
followAddress();
keepSnapshots();
connect(begin);
render(<Page />, document.body);
offerHandles();
