// The training view: a run as it happens.

export function TrainingView() {
  return <main class="training" />;
}
