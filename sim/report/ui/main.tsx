import { render } from 'preact';
import { App } from './app.tsx';
import '../../../ui/lifecycle/diagram.css';
import './style.css';

render(<App />, document.getElementById('app') as HTMLElement);
