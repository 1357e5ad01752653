using Softswitch.Datapath.Packets;

namespace Softswitch.Datapath.Ports;

/// <summary>The fate of a traced packet that the device keeps from the switch.</summary>
/// <param name="What">For people, such as <c>ARP for an address of the port's own</c>.</param>
/// <param name="Reason">Why it is dropped; null if it is not.</param>
/// <param name="Receiver">The device that receives what was in it; null for none.</param>
internal sealed record LocalDelivery(string What, DropReason? Reason = null, IPortDevice? Receiver = null);
