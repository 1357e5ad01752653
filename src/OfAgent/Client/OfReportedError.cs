using Softswitch.OfAgent.Wire;

namespace Softswitch.OfAgent.Client;

/// <summary>An OFPT_ERROR the switch answered with.</summary>
/// <param name="Xid">Of the message the error is about.</param>
/// <param name="Message">The whole error message, for <see cref="Text.MessageText"/>.</param>
internal sealed record OfReportedError(uint Xid, OfError Error, byte[] Message);
