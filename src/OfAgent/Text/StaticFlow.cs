namespace Softswitch.OfAgent.Text;

/// <summary>One flow of a file for the Floodlight controller's Static Flow Pusher.</summary>
/// <param name="Line">Where it begins, from 1.</param>
/// <param name="Switch">Datapath id of the switch it is for.</param>
/// <param name="Name">Unique within a file and switch.</param>
/// <param name="IsActive">False for one that is kept in the file but not to be sent.</param>
internal sealed record StaticFlow(int Line, ulong Switch, string Name, bool IsActive, ParsedFlow Flow);
