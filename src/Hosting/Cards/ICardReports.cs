using Softswitch.Hosting.Configuration;
using Softswitch.NetFpga.Registers;

namespace Softswitch.Hosting.Cards;

/// <summary>The cards that the running switch drives, for <c>netfpga show</c> over the control socket.</summary>
/// <remarks>Threads: any; an implementation takes the control lock around each card.</remarks>
internal interface ICardReports
{
    /// <summary>What <see cref="CardReport.OfDriven"/> says of each card.</summary>
    /// <param name="name">One card's; null for all.</param>
    /// <exception cref="OptionException">There is no card of that name, or none at all.</exception>
    /// <exception cref="RegisterAccessException">A card does not answer.</exception>
    IReadOnlyList<string> Show(string? name);
}
