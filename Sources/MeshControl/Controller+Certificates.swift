// SPDX-License-Identifier: Apache-2.0

import MeshProxy

/// Certificates are read again when their files change; the configuration stays as it is.
extension Controller {
    /// Takes certificates into use that have changed. A certificate and its key are two files: when
    /// one does not fit the other, the second may be about to be written.
    func renewCertificates() async {
        if await proxy.refreshCertificates(isPatient: true) { return }
        try? await Task.sleep(for: .milliseconds(500))
        _ = await proxy.refreshCertificates(isPatient: false)
    }

    /// Watches the folders of certificates at `paths`.
    func watchCertificates(_ paths: [String]) {
        guard paths != certificatePaths else { return }
        certificatePaths = paths
        certificateWatcher?.cancel()
        certificateWatching?.cancel()
        certificateWatcher =
            paths.isEmpty ? nil : FolderWatcher(folders: EvidenceReader.folders(of: paths))
        guard let watcher = certificateWatcher else { return }
        certificateWatching = Task { [weak self] in
            for await _ in watcher.changes {
                try? await Task.sleep(for: .milliseconds(10))
                await self?.renewCertificates()
            }
        }
    }
}
