// The frame around the views: the bar above, what the page waits for, the list of keys.

import type { ComponentChild } from "preact";
import { isHelpOpen, KeyHelp } from "./help.tsx";
import { openWinner } from "./pointing.ts";
import * as state from "./state.ts";

const SCOPES: readonly (readonly [state.ColourScope, string])[] = [
  ["map", "map"],
  ["layer", "layer"],
  ["net", "net"],
];

/** The page around a view. */
export function Shell({ children }: { readonly children: ComponentChild }) {
  return (
    <>
      <header class="bar">
        <a class="brand" href="#/network/" aria-label="Convlens: the network">
          <Mark /> Convlens
        </a>
        <NetChooser />
        <Tabs />
        <div class="settings">
          <Scopes />
          <ThemeToggle />
          <button
            type="button"
            class="round"
            aria-label="Keys"
            title="Keys (?)"
            onClick={() => {
              isHelpOpen.value = true;
            }}
          >
            ?
          </button>
        </div>
      </header>
      <Notices />
      {children}
      <KeyHelp />
    </>
  );
}

/** A kernel's window on a map. */
function Mark() {
  return (
    <svg viewBox="0 0 16 16" width="18" height="18" aria-hidden="true">
      <path class="mark-negative" d="M0 0h5v5H0zM5.5 5.5h5v5h-5z" />
      <path class="mark-positive" d="M11 0h5v5h-5zM0 11h5v5H0z" />
      <path class="mark-zero" d="M5.5 0h5v5h-5zM0 5.5h5v5H0zM11 5.5h5v5h-5zM5.5 11h5v5h-5zM11 11h5v5h-5z" />
    </svg>
  );
}

function NetChooser() {
  const nets = state.nets.value;
  if (nets.length === 0) return null;
  return (
    <label class="net">
      <span class="hidden">Network</span>
      <select
        value={state.netId.value}
        onChange={(event) => {
          state.netId.value = event.currentTarget.value;
        }}
      >
        {nets.map(({ id, title }) => (
          <option key={id} value={id}>
            {title}
          </option>
        ))}
      </select>
    </label>
  );
}

function Tabs() {
  const open = (view: state.View) => () => {
    if (view === "unit" && !state.openUnit.peek()) openWinner();
    else state.view.value = view;
  };
  const tab = (view: state.View, name: string) => (
    <button type="button" aria-current={state.view.value === view ? "page" : undefined} onClick={open(view)}>
      {name}
    </button>
  );
  return (
    <nav class="tabs" aria-label="Views">
      {tab("network", "Network")}
      {tab("unit", "Unit")}
      {state.runs.value.length > 0 && tab("training", "Training")}
    </nav>
  );
}

function Scopes() {
  if (state.view.value === "training") return null;
  return (
    <fieldset class="scopes">
      <legend>One colour scale a</legend>
      {SCOPES.map(([scope, name]) => (
        <label key={scope}>
          <input
            type="radio"
            name="scope"
            checked={state.colourScope.value === scope}
            onChange={() => {
              state.colourScope.value = scope;
            }}
          />
          <span>{name}</span>
        </label>
      ))}
    </fieldset>
  );
}

function ThemeToggle() {
  const other = state.theme.value === "dark" ? "light" : "dark";
  return (
    <button
      type="button"
      class="round"
      aria-label={`Switch to ${other} colours`}
      title={`Switch to ${other} colours`}
      onClick={() => {
        state.chosenTheme.value = other;
      }}
    >
      <svg viewBox="0 0 16 16" width="16" height="16" aria-hidden="true">
        <circle cx="8" cy="8" r="6.5" fill="none" stroke="currentColor" stroke-width="1.5" />
        <path d="M8 1.5a6.5 6.5 0 0 1 0 13z" fill="currentColor" />
      </svg>
    </button>
  );
}

/** What went wrong, and what the page waits for. */
function Notices() {
  const problem = state.problem.value;
  const isLost = state.waiting.value !== null && state.nets.value.length > 0;
  return (
    <div class="notices">
      {isLost && <p role="status">{state.waiting.value}</p>}
      {problem && (
        <p role="alert" class="problem">
          {problem}
          <button
            type="button"
            class="round"
            aria-label="Close this message"
            onClick={() => {
              state.problem.value = null;
            }}
          >
            ×
          </button>
        </p>
      )}
    </div>
  );
}
