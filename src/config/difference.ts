import { type Config, shown } from './load.ts';
import { SETTINGS, type SettingName, type Settings } from './settings.ts';

export interface Change {
  readonly name: SettingName;
  readonly from: string;
  readonly to: string;
}

/** What a reload changes: settings that are taken over as they are, and those that wait for a restart. */
export interface Difference {
  readonly taken: readonly Change[];
  readonly waiting: readonly Change[];
  /** The settings in force after it. */
  readonly config: Config;
}

/** Compares what is in force with what was read anew. Settings are no secrets: those are in files, which are only named here. */
export function difference(before: Config, after: Config): Difference {
  const was = new Map(shown(before).map(({ name, value }) => [name, value]));
  const taken: Change[] = [];
  const waiting: Change[] = [];
  const settings: Record<string, unknown> = { ...after.settings };
  for (const { name: shownName, value: to } of shown(after)) {
    const name = shownName as SettingName;
    const from = was.get(name) as string;
    if (from === to) continue;
    if (SETTINGS[name].live) taken.push({ name, from, to });
    else {
      waiting.push({ name, from, to });
      settings[name] = before.settings[name];
    }
  }
  return { taken, waiting, config: { settings: settings as unknown as Settings, origins: after.origins } };
}
