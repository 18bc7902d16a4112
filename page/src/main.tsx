import { render } from "preact";

render(<h1>Convlens</h1>, document.body);
