// Run by tree.sh: dotnet run unused.cs FOLDER removes the assemblies in FOLDER that softswitch.dll refers to neither itself nor by
// others, and the collectors that only a setting chooses.
#:property PublishAot=false
#:property RunAnalyzers=false
#:property EnforceCodeStyleInBuild=false
#:property GenerateDocumentationFile=false
#:property ManagePackageVersionsCentrally=false
using System.Reflection.Metadata;
using System.Reflection.PortableExecutable;
using System.Text.Json.Nodes;

string folder = args[0];
HashSet<string> reached = [];
Queue<string> next = new(["softswitch"]);
while (next.TryDequeue(out string? name))
{
    string path = Path.Combine(folder, $"{name}.dll");
    if (!File.Exists(path) || !reached.Add(name))
    {
        continue;
    }
    using PEReader file = new(File.OpenRead(path));
    MetadataReader metadata = file.GetMetadataReader();
    foreach (AssemblyReferenceHandle reference in metadata.AssemblyReferences)
    {
        string other = metadata.GetString(metadata.GetAssemblyReference(reference).Name);
        if (!other.StartsWith("System.Xml.", StringComparison.Ordinal)) // nothing here reads or writes XML
        {
            next.Enqueue(other);
        }
    }
}
// The list of dependencies names what is there: the host ends a program that lacks one of them.
string list = Path.Combine(folder, "softswitch.deps.json");
JsonNode dependencies = JsonNode.Parse(File.ReadAllText(list))!;
IEnumerable<string> assemblies = Directory.GetFiles(folder, "*.dll").Select(path => Path.GetFileNameWithoutExtension(path));
string[] unused = [.. assemblies.Except(reached).Select(name => $"{name}.dll"), "libclrgc.so", "libclrgcexp.so"];
foreach ((_, JsonNode? library) in dependencies["targets"]!.AsObject().SelectMany(target => target.Value!.AsObject()))
{
    foreach (string kind in (string[])["runtime", "native"])
    {
        JsonObject files = library![kind]?.AsObject() ?? [];
        foreach (string file in files.Select(one => one.Key).Where(file => unused.Contains(Path.GetFileName(file))).ToArray())
        {
            files.Remove(file);
        }
    }
}
File.WriteAllText(list, dependencies.ToJsonString());
foreach (string file in unused)
{
    File.Delete(Path.Combine(folder, file));
}
