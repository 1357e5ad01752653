using Softswitch.Datapath.Headers;

namespace Softswitch.Scenarios.L3Mig;

/// <summary>What the central controller is told of a migration.</summary>
/// <param name="Machine">Which one is to move.</param>
/// <param name="Destination">Where it will be.</param>
/// <param name="Copy">The connection by which the one hypervisor copies its memory to the other.</param>
internal sealed record MigrationOrder(Be32 Machine, Attachment Destination, Session Copy);
