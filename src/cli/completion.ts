import { Argument, type Command, type Option } from 'commander';
import { CLIENT_ERRORS, ERRORS, type Refusing, refusalOf } from '../api/errors.ts';
import { flagOf } from '../config/load.ts';
import { SETTING_NAMES, SETTINGS } from '../config/settings.ts';
import { EXIT, examples, print } from './shared.ts';

/** Shells that a script is written for. */
export const SHELLS = ['bash', 'zsh', 'fish'] as const;
type Shell = (typeof SHELLS)[number];

/** A word that may stand next, and what it is. */
interface Word {
  readonly word: string;
  readonly about: string;
}

/** What may stand after a command, which is named by its words: `sim run`, '' for the program. */
interface Place {
  readonly path: string;
  readonly commands: readonly Word[];
  readonly options: readonly Word[];
  /** Values of its argument where they are known. */
  readonly values: readonly string[];
  /** Options that take a value, with the values where they are known; elsewhere it is a file or free text. */
  readonly valued: readonly { readonly option: string; readonly values: readonly string[] }[];
}

/** `mailbox completion SHELL`: a script that completes commands, options and known values in that shell. */
export function addCompletion(program: Command): void {
  const completion = program
    .command('completion')
    .addArgument(new Argument('<shell>', 'the shell').choices([...SHELLS]))
    .description('print a script that completes commands, options and values in a shell')
    .addHelpText('after', `\nExit: ${EXIT.ok} printed, ${EXIT.usage} no such shell.`);
  examples(
    completion,
    'source <(mailbox completion bash)     # in ~/.bashrc',
    'source <(mailbox completion zsh)      # in ~/.zshrc, after compinit',
    'mailbox completion fish > ~/.config/fish/completions/mailbox.fish',
  );
  completion.action(async (shell: Shell) => {
    print(SCRIPTS[shell](placesOf(program, await knownValues())).trimEnd());
  });
}

/** Values of arguments that no choices of the command say. */
async function knownValues(): Promise<Readonly<Record<string, readonly string[]>>> {
  const { shippedNames } = await import('../../sim/files.ts');
  const schedules = shippedNames();
  const codes = (Object.keys(ERRORS) as Refusing[]).map((outcome) => refusalOf(outcome).code);
  return {
    'sim run': schedules,
    'sim hash': schedules,
    'sim check': schedules,
    explain: [...new Set([...codes, ...Object.keys(CLIENT_ERRORS)])],
  };
}

function placesOf(
  command: Command,
  known: Readonly<Record<string, readonly string[]>>,
  above: readonly string[] = [],
): readonly Place[] {
  const path = above.join(' ');
  const help = command.createHelp();
  const options = help.visibleOptions(command);
  const commands = help.visibleCommands(command);
  const chosen = command.registeredArguments.flatMap(({ argChoices = [] }) => argChoices);
  const here: Place = {
    path,
    commands: commands.map((each) => ({ word: each.name(), about: help.subcommandDescription(each) })),
    options: options.flatMap((option) => wordsOf(option).map((word) => ({ word, about: option.description }))),
    values: known[path] ?? chosen,
    valued: options
      .filter(({ required, optional }) => required || optional)
      .flatMap((option) => wordsOf(option).map((word) => ({ option: word, values: valuesOf(option) }))),
  };
  // `help` is no command of its own here: it is that of its parent.
  const below = command.commands.flatMap((each) => placesOf(each, known, [...above, each.name()]));
  return [here, ...below];
}

/** Those that the option is limited to, or the setting that it is the flag of. */
function valuesOf({ argChoices, long }: Option): readonly string[] {
  const setting = SETTING_NAMES.find((name) => flagOf(name) === long);
  return argChoices ?? ((setting && SETTINGS[setting].kind.schema['enum']) as readonly string[] | undefined) ?? [];
}

const wordsOf = ({ long, short }: Option): string[] => [long, short].flatMap((word) => word ?? []);

/** Ours alone, but words are text: in single quotes nothing of them means anything to a shell. */
const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;
const listed = (words: readonly string[]): string => quoted(words.join(' '));
const own = ({ commands, values, options }: Place): string[] => [
  ...commands.map(({ word }) => word),
  ...values,
  ...options.map(({ word }) => word),
];

/** The command so far: words that lead to a place, whatever else stands between them. */
const pathIn = (places: readonly Place[]): string =>
  places
    .filter(({ path }) => path !== '')
    .map(({ path }) => `      ${quoted(path)}) where=$next ;;`)
    .join('\n');

const bash = (places: readonly Place[]): string => `# Completion of mailbox for bash: source <(mailbox completion bash)
_mailbox() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD - 1]} where='' word next
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    next="\${where:+$where }$word"
    case $next in
${pathIn(places)}
    esac
  done
  case "$where $prev" in
${places.flatMap(({ path, valued }) => valued.map(({ option, values }) => `    ${quoted(`${path} ${option}`)}) ${values.length === 0 ? 'COMPREPLY=()' : `COMPREPLY=($(compgen -W ${listed(values)} -- "$cur"))`}; return ;;`)).join('\n')}
  esac
  case $where in
${places.map((place) => `    ${quoted(place.path)}) COMPREPLY=($(compgen -W ${listed(own(place))} -- "$cur")) ;;`).join('\n')}
  esac
}
complete -o default -o bashdefault -F _mailbox mailbox
`;

/** `word:what it is`, as \`_describe\` takes it. */
const described = ({ word, about }: Word): string => quoted(`${word.replaceAll(':', '\\:')}:${about}`);

const zsh = (places: readonly Place[]): string => `#compdef mailbox
# Completion of mailbox for zsh: source <(mailbox completion zsh)
_mailbox() {
  local where='' word next prev=$words[CURRENT-1]
  for word in "\${(@)words[2,CURRENT-1]}"; do
    next="\${where:+$where }$word"
    case $next in
${pathIn(places)}
    esac
  done
  case "$where $prev" in
${places.flatMap(({ path, valued }) => valued.map(({ option, values }) => `    ${quoted(`${path} ${option}`)}) ${values.length === 0 ? '_files' : `compadd -- ${values.map(quoted).join(' ')}`}; return ;;`)).join('\n')}
  esac
  local -a found
  case $where in
${places.map((place) => `    ${quoted(place.path)}) found=(${[...place.commands, ...place.values.map((word) => ({ word, about: '' })), ...place.options].map(described).join(' ')}) ;;`).join('\n')}
  esac
  _describe -t words mailbox found || _files
}
compdef _mailbox mailbox
`;

/** Whether the words before lead to a place, which fish asks for each line. */
const FISH_AT = (places: readonly Place[]): string => `function __mailbox_where
  set -l where ''
  for word in (commandline -opc)[2..-1]
    set -l next (string trim -- "$where $word")
    if contains -- $next ${places
      .filter(({ path }) => path !== '')
      .map(({ path }) => quoted(path))
      .join(' ')}
      set where $next
    end
  end
  test "$where" = "$argv[1]"
end
`;

const fish = (places: readonly Place[]): string => {
  const lines = places.flatMap(({ path, commands, values, options, valued }) => {
    const at = `complete -c mailbox -n ${quoted(`__mailbox_where "${path}"`)}`;
    return [
      ...commands.map(({ word, about }) => `${at} -f -a ${quoted(word)} -d ${quoted(about)}`),
      ...(values.length === 0 ? [] : [`${at} -a ${listed(values)}`]),
      ...options.map(({ word, about }) => {
        const name = word.startsWith('--') ? `-l ${quoted(word.slice(2))}` : `-s ${quoted(word.slice(1))}`;
        const takes = valued.find(({ option }) => option === word);
        const value = takes === undefined ? '' : takes.values.length === 0 ? ' -r' : ` -x -a ${listed(takes.values)}`;
        return `${at} ${name}${value} -d ${quoted(about)}`;
      }),
    ];
  });
  return `# Completion of mailbox for fish\n${FISH_AT(places)}${lines.join('\n')}\n`;
};

const SCRIPTS: Readonly<Record<Shell, (places: readonly Place[]) => string>> = { bash, zsh, fish };
