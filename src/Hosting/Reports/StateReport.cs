namespace Softswitch.Hosting.Reports;

/// <summary>The journal of <c>--state</c>.</summary>
/// <param name="Folder">As given.</param>
/// <param name="IsBehind">Whether changes are missing in the file.</param>
/// <param name="Reason">Why they are; null while it is in step.</param>
/// <param name="Bytes">Of the file.</param>
/// <param name="WaitingBytes">Of changes that are still to be written.</param>
/// <param name="IsSynced">Whether all that is in the file would outlast a power cut.</param>
/// <param name="SyncedAt">When the file was last brought to the disk, by the system's clock; null if it has not been yet.</param>
internal sealed record StateReport(string Folder, bool IsBehind, string? Reason, long Bytes, long WaitingBytes, bool IsSynced, DateTimeOffset? SyncedAt);
