/** What each tenant holds of something, counted as it comes and goes (BD5). As many entries as there are tenants that hold some. */
export class TenantCounts {
  private readonly counts = new Map<string, number>();

  of(tenant: string): number {
    return this.counts.get(tenant) ?? 0;
  }

  add(tenant: string, more: number): void {
    const held = this.of(tenant) + more;
    if (held > 0) this.counts.set(tenant, held);
    else this.counts.delete(tenant);
  }

  clear(): void {
    this.counts.clear();
  }
}
