import { pageOf } from '../../src/platform/page.ts';
import type { ReportData } from './model.ts';

/** One file that opens anywhere: the page, and the run as data in it. */
export const formatHtml = (data: ReportData): string =>
  pageOf({
    name: 'report',
    title: `${data.title}: ${data.verdict.badge}`,
    without: [data.verdict.line, `exit code ${data.verdict.exit}`, data.repeat],
    data,
  });
