/**
 * Keeps the host's certificate fresh: after two thirds of its life a new key and a new certificate, over a connection
 * that the old one proves. Both are good until the old one ends, so nothing that is open has to be cut.
 */
import { CERTIFICATE_BACKDATED_MS } from '../../../proto/domain/enrol.ts';
import { toClusterError } from '../../../proto/errors/cluster-error.ts';
import { EnrolService } from '../../../proto/gen/nabla/v1/enrol_pb.ts';
import type { Clock, Logger, Rng } from '../../../proto/ports/index.ts';
import type { RpcChannel } from '../../../proto/rpc/channel.ts';
import { createClient } from '../../../proto/rpc/client.ts';
import { type BackoffLimits, chooseDelayMs } from '../../core/backoff.ts';
import { pause } from '../pause.ts';
import { makeCertificateRequest, makeHostKey } from './certificate-request.ts';
import type { CertificateFolder, HostCertificate } from './host-certificate.ts';

/** Of its life, in thousandths: so much has passed at least, and at most so much more, spread over the fleet. */
const RENEW_FROM_MILLI = 620;
const RENEW_SPREAD_MILLI = 80;
/** Looked at by the wall clock this often, because timers stand still while a machine sleeps. */
const LOOK_EVERY_MS = 30_000;
const RETRY: BackoffLimits = { firstMs: 1_000, capMs: 5 * 60_000 };

export interface RenewalOptions {
  readonly folder: CertificateFolder;
  readonly current: () => HostCertificate;
  /** The next connections use this one. */
  readonly replace: (certificate: HostCertificate) => void;
  readonly openChannel: () => RpcChannel;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly logger: Logger;
}

export function startRenewal(options: RenewalOptions): { close(): Promise<void> } {
  const { clock, rng, logger } = options;
  const closing = new AbortController();
  const { signal } = closing;

  async function renew(): Promise<void> {
    const channel = options.openChannel();
    try {
      const keyPem = makeHostKey();
      const request = { certificateRequest: makeCertificateRequest(keyPem) };
      const { certificatePem } = await createClient(EnrolService, channel).renewCertificate(request, {
        signal,
      });
      const { caPem } = options.current();
      const certificate = await options.folder.write({ certPem: certificatePem, keyPem, caPem });
      options.replace(certificate);
      logger.info('the certificate was renewed', {
        notAfter: new Date(certificate.notAfterMs).toISOString(),
      });
    } finally {
      channel.close();
    }
  }

  async function run(): Promise<void> {
    let failures = 0;
    let dueAtMs = dueOf(options.current(), rng);
    while (!signal.aborted) {
      const leftMs = dueAtMs - clock.nowMs();
      if (leftMs > 0) {
        await pause(clock, Math.min(leftMs, LOOK_EVERY_MS), signal);
        continue;
      }
      try {
        await renew();
        failures = 0;
        dueAtMs = dueOf(options.current(), rng);
      } catch (error) {
        if (signal.aborted) return;
        failures += 1;
        const { code, message: reason, hint } = toClusterError(error);
        logger.warn('the certificate could not be renewed', { code, reason, hint, failures });
        await pause(clock, Math.max(RETRY.firstMs, chooseDelayMs(failures + 1, RETRY, rng)), signal);
      }
    }
  }

  const running = run();
  return {
    async close() {
      closing.abort();
      await running;
    },
  };
}

/** When the certificate is due, by its own dates: what another clock says of it is of no use here. */
function dueOf({ notBeforeMs, notAfterMs }: HostCertificate, rng: Rng): number {
  const milli = RENEW_FROM_MILLI + rng.integer(RENEW_SPREAD_MILLI + 1);
  const madeAtMs = notBeforeMs + CERTIFICATE_BACKDATED_MS;
  return madeAtMs + Math.floor((Math.max(0, notAfterMs - madeAtMs) * milli) / 1000);
}
