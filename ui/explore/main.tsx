import { render } from 'preact';
import { App } from './app.tsx';
import { Space } from './space.ts';
import './style.css';
import { begin } from './walk.ts';

const root = document.getElementById('app') as HTMLElement;
const text = document.getElementById('run')?.textContent ?? '';
Space.of(JSON.parse(text)).then(
  (space) => {
    begin(space);
    render(<App />, root);
  },
  (error: Error) => {
    root.textContent = `This page cannot be read: ${error.message}`;
  },
);
